"""PACS."""
