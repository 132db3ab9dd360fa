"""The plan: its beginning, its versions, who accepted them."""
