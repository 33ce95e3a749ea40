"""What an admin sees of Outrider. It changes nothing that people said or were answered."""
