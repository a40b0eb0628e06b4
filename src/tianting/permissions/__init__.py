"""Answers one question: may this call run?"""
