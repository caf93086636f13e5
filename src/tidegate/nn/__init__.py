"""Drop-in replacements for torch's recurrent layers: change `torch.nn.LSTM` to `tidegate.nn.LSTM`, nothing else.

Each class inherits from torch's class of the same name and replaces its `forward` alone. So the constructor and its
checks, the parameters, their first values and their names, `state_dict`, `repr`, pickling and `isinstance` are torch's
and stay torch's in its future versions; nothing is written twice that could come to differ. The computation is the
engine's. A call that the engine cannot compute as torch would (`running.runs` decides) goes to torch's own `forward`,
and so does a wrong one, whose error is therefore torch's too.
"""

from tidegate.nn.cells import GRUCell, LSTMCell, RNNCell
from tidegate.nn.modules import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
