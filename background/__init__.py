"""Threads and event loops beside the requests: the ways to the database, and how they come to an end."""
