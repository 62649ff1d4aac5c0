"""KVM's ioctls and exits in words: what was asked, with what, and what came back. See README.md here."""
