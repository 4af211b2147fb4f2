"""Sample texts for the papers of the process, in our own words; an affiliate replaces them by its own (M11)."""
