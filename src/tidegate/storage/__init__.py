"""Files that a crash cannot spoil: atomic writes, tensors with checked bytes, model folders; no pickle."""
