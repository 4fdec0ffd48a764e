"""What joins the stages and runs them."""
