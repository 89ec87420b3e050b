"""The embedded single-node event store: EventStoreDB's Streams protocol over one SQLite file."""
