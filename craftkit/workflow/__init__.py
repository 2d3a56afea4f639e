"""The use-cases, one function per command; surfaces stay thin above them."""
