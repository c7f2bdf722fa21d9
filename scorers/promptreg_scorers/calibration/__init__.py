"""Scorers of calibration: do scores mean what they say, over all scenarios together?"""
