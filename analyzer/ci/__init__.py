"""What is ready-made for a CI: a script, jobs that run it, and where a job's comment goes."""
