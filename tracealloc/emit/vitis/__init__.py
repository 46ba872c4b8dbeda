"""HLS C++ for Vitis."""
