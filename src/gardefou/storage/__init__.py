"""Engine, tables, records and migrations: one code path over SQLite and PostgreSQL."""
