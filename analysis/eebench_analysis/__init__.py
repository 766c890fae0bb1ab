"""Reads what eebench wrote, and writes the jets that eebench reads."""
