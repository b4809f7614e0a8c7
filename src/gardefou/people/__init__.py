"""Staff: who they are to Gardefou, what they may do now, and their sealed names."""
