"""Carriers between our rows and the world: webhooks in, events, documents and messages out."""
