"""One use case, one module, one transaction each."""
