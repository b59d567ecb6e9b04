"""What a process does that runs jobs: it claims, asks the model, stores what came, and sweeps for all."""
