"""Scripts that build, test and show srctl: set-up, lab, images, demo. Nothing in `srctl` imports them."""
