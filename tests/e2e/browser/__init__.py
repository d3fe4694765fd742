"""The page in a real browser; its conftest is imported by name, for the stores and the window."""
