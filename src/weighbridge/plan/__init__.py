"""Which images to weigh, from which trees."""
