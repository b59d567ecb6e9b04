"""llama.cpp inside this process. `pool.acquire` is the way in; `llmbackends.local` makes a backend of it."""
