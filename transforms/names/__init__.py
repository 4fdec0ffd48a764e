"""Named entities: gazetteers, recogniser, in-article merging."""
