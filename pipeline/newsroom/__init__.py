"""A loopback news site for the demo and the tests, and recorded pages and feeds served in the same way."""

from pipeline.newsroom.foreground import serve
from pipeline.newsroom.recordings import Recordings
from pipeline.newsroom.site import Newsroom, TrueArticle, Truth, story_url
from pipeline.newsroom.world import LAST_ROUND

__all__ = ["LAST_ROUND", "Newsroom", "Recordings", "TrueArticle", "Truth", "serve", "story_url"]
