"""The wirebeam command."""
