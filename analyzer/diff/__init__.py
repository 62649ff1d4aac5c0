"""What changed between two call graphs: chains first. Pure."""
