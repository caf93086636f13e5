"""What all tests share: one thread each, so that parallel workers do not fight over the cores."""

import torch
from hypothesis import settings

pytest_plugins = ["collecting", "lacking"]

torch.set_num_threads(1)
settings.register_profile("tidegate", deadline=None)  # a busy machine must not fail a test
settings.load_profile("tidegate")
