"""What comes in: who may talk to us, what is stored, what is heard, stopped and changed."""
