"""What became of a wish or a message that recorded no fact."""
