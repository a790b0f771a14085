"""A node kept well: its periodic work, care and checks, backups, public statistics, first steps."""
