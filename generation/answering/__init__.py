"""An answer of a model, for a job or for a client who waits."""
