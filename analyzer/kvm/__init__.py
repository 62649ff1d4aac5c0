"""Decodes KVM's ioctls and exits: requests, arguments, results, exit reasons, I/O accesses. See README.md here."""
