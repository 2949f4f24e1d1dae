"""The network: tensors in, tensors out. No files, no devices chosen, no masks decoded."""
