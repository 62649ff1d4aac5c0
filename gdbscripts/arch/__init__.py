"""The code that depends on the processor. README.md in this folder says what another architecture provides."""
