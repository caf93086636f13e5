"""Our modules under the checks that torch makes of its own; run by `test_torch_modules` in a process of its own.

The calls, right and wrong, are torch's table of modules, which is private and changes torch for the whole process when
it is imported. What is checked on each call is written here, after what torch's own tests of modules check.
"""

import copy
import io
import itertools
import pickle

import pytest
import torch
from torch.testing import assert_close
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db
from torch.testing._internal.common_utils import freeze_rng_state
from torch.utils._pytree import tree_flatten, tree_map
from twins import TOLERANCE, check_close

import tidegate.nn

TABLE = {info.name.removeprefix("nn."): info for info in module_db}
NAMES = ["RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"]
VARIANTS = [(torch.float32, True), (torch.float64, False)]

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


class Calls:
    """Torch's calls of one module, in one type and mode."""

    def __init__(self, name, dtype, training):
        self.info, self.name, self.dtype, self.training = TABLE[name], name, dtype, training

    def made(self, *, requires_grad=False, device="cpu"):
        make, options = self.info.module_inputs_func, {"requires_grad": requires_grad, "training": self.training}
        calls = list(make(self.info, device=device, dtype=self.dtype, **options))
        assert calls
        return calls

    def pairs(self, *, requires_grad=False):
        """Yield a module of ours, torch's with equal weights, and a call, for each of torch's calls."""
        for call in self.made(requires_grad=requires_grad):
            mine, other = (self.build(home, call, dtype=self.dtype) for home in (tidegate.nn, torch.nn))
            other.load_state_dict(mine.state_dict())
            yield mine, other, call.forward_input

    def build(self, home, call, **options):
        arguments = call.constructor_input
        return getattr(home, self.name)(*arguments.args, **arguments.kwargs, **options).train(self.training)


@pytest.fixture(params=list(itertools.product(NAMES, VARIANTS)), ids=str)
def calls(request):
    torch.manual_seed(0)
    name, (dtype, training) = request.param
    return Calls(name, dtype, training)


def flat(*parts):
    return [each for each in tree_flatten(parts)[0] if isinstance(each, torch.Tensor)]


def run(module, call):
    with freeze_rng_state():
        return flat(module(*call.args, **call.kwargs))


def gradients(module, call, seeds=None):
    outputs = run(module, call)
    seeds = [torch.ones_like(each) for each in outputs] if seeds is None else seeds
    return outputs, list(torch.autograd.grad(outputs, [*flat(call.args, call.kwargs), *module.parameters()], seeds))


def strided(tensor):
    """Return an equal tensor with gaps between its numbers."""
    return tensor.detach().repeat_interleave(2, -1)[..., ::2].requires_grad_(tensor.requires_grad)


def test_outputs_and_gradients_equal_torchs(calls):
    for mine, other, call in calls.pairs(requires_grad=True):
        for ours, theirs in zip(gradients(mine, call), gradients(other, call), strict=True):
            check_close(ours, theirs, TOLERANCE[calls.dtype])


def test_outputs_equal_those_of_the_reference(calls):
    for made in calls.made():
        mine, call = calls.build(tidegate.nn, made, dtype=calls.dtype), copy.deepcopy(made.forward_input)
        expected = made.reference_fn(mine, *call.args, **call.kwargs)
        check_close(run(mine, made.forward_input), flat(expected), TOLERANCE[calls.dtype])


def test_type_and_device_reach_the_parameters(calls):
    for made in calls.made():
        for mine in (calls.build(tidegate.nn, made, dtype=calls.dtype), calls.build(tidegate.nn, made).to(calls.dtype)):
            assert {each.dtype for each in mine.parameters()} == {calls.dtype}
        with torch.device("meta"):
            assert all(each.is_meta for each in calls.build(tidegate.nn, made).parameters())
        assert all(each.is_meta for each in calls.build(tidegate.nn, made, device="meta").parameters())


def test_module_moved_to_meta_and_back_holds_parameters_of_the_same_shapes(calls):
    for mine, _, call in calls.pairs():
        shapes = {name: each.shape for name, each in mine.state_dict().items()}
        back = mine.to("meta").to_empty(device="cpu")
        assert {name: each.shape for name, each in back.state_dict().items()} == shapes
        assert [part.shape for part in run(back, call)]


def test_module_is_written_as_torchs(calls):
    for mine, other, _ in calls.pairs():
        assert repr(mine) == str(mine) == repr(other)


def test_saved_module_gives_the_same(calls):
    for mine, other, call in calls.pairs():
        file = io.BytesIO()
        torch.save(mine, file)
        file.seek(0)
        loaded = [torch.load(file, weights_only=False), pickle.loads(pickle.dumps(mine)), copy.deepcopy(mine)]
        file = io.BytesIO()
        torch.save(mine.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        for each in loaded:
            assert_close(run(each, call), run(mine, call), rtol=0, atol=0)
        check_close(run(other, call), run(mine, call), TOLERANCE[calls.dtype])


def test_gaps_in_memory_change_nothing(calls):
    for mine, _, call in calls.pairs(requires_grad=True):
        seeds = [torch.randn_like(each) for each in run(mine, call)]
        expected = gradients(mine, call, seeds)
        loose = copy.copy(call)
        loose.args, loose.kwargs = tree_map(strided, (call.args, call.kwargs))
        for inputs, grads in itertools.product((call, loose), (seeds, [strided(each) for each in seeds])):
            for ours, before in zip(gradients(mine, inputs, grads), expected, strict=True):
                check_close(ours, before, 1e-6)


def test_results_have_no_gaps_in_memory(calls):
    for mine, _, call in calls.pairs(requires_grad=True):
        for memory_format in (torch.preserve_format, torch.contiguous_format):
            results = gradients(mine.to(memory_format=memory_format), call)
            assert all(each.is_contiguous() for each in flat(results))


def test_training_is_looked_at_only_where_torch_does(calls):
    for mine, _, call in calls.pairs():
        del mine.training
        try:
            run(mine, call)
        except AttributeError as error:
            assert calls.info.train_and_eval_differ and "'training'" in str(error)  # noqa: PT017, PT018


def test_wrong_calls_are_refused(calls):
    make = calls.info.module_error_inputs_func
    wrong = make(calls.info, device="cpu", dtype=calls.dtype, requires_grad=False, training=calls.training)
    assert len(wrong) > 3
    for each in wrong:
        made = each.module_error_input
        if each.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(each.error_type, match=each.error_regex):
                calls.build(tidegate.nn, made)
        else:
            mine = calls.build(tidegate.nn, made)
            with pytest.raises(each.error_type, match=each.error_regex):
                run(mine, made.forward_input)


@pytest.mark.parametrize(("check", "every"), [("gradcheck", 1), ("gradgradcheck", 7)])
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_right_one_by_one_and_in_batches(name, check, every):
    """Second derivatives on a seventh of the calls alone, because they take a second each; all passed when written."""
    torch.manual_seed(0)
    pairs = Calls(name, torch.float64, True).pairs(requires_grad=True)
    for mine, _, call in itertools.islice(pairs, 0, None, every):
        arguments, form = tree_flatten((call.args, call.kwargs))
        outputs, tensors = _outputs_of(mine, form, len(arguments)), (*arguments, *mine.parameters())
        assert getattr(torch.autograd, check)(outputs, tensors, check_batched_grad=True, fast_mode=True)


def _outputs_of(module, form, count):
    def outputs(*tensors):  # the last are the parameters, which the module has
        args, kwargs = form.unflatten(tensors[:count])
        with freeze_rng_state():
            return tuple(flat(module(*args, **kwargs)))

    return outputs
