"""The tables in the formats of the tools that people know: RTTM, WebVTT, Praat, ELAN, CSV."""
