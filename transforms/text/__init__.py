"""From HTML to clean text and metadata."""
