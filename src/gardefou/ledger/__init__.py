"""The record: an append-only Merkle log of every event, its signed checkpoints, and their verification."""
