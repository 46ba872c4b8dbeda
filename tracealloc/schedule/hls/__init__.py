"""What a program for HLS needs beyond a lowered one: constant bounds, copies of ports, false dependences."""
