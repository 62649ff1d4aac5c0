"""Results of a comparison in the formats that CI platforms read. See README.md here."""
