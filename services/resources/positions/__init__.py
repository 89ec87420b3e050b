"""Where units are right now: taken in, kept in memory, shared, and watched for danger."""
