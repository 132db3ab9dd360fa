"""Real PostgreSQL and Apache Kafka on this machine, with pip alone, for tests, demonstrations and development."""
