-- Version 2: an archive that was restored, or that goes on in a copy of its server, is noticed.

-- The server and its timeline, which each failover and each recovery to a point in time changes. Who finds another one gives the
-- archive another id: arrival numbers that were given out can be missing, and would be used again. Empty: not known yet.
ALTER TABLE whisper_archive ADD COLUMN cluster TEXT NOT NULL DEFAULT '';
