"""The rows as a queue: whose turn it is, who holds which job, how a claim ends, when jobs have to wait."""
