"""A plain library that speaks to language models: ten providers behind one protocol. No Django in here."""
