"""How far raters agree: coefficients, intervals clustered by speaker, and comparisons of conditions and rounds."""
