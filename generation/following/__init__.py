"""Watching over jobs and answers on behalf of a client who waits."""
