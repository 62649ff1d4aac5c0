"""Templates for CI: a script, GitHub and GitLab jobs that run it, and the address of a job's comment."""
