"""Where questions of all clients come together: what is asked, and who is answered."""
