"""The verdict: does this corpus hold? Gates with figures, intervals and pass / warn / fail, one subject a file.

`validate.validate_table` trains what is needed (`evidence`), asks every gate, and draws. A gate whose data is not
there says "not measured" and why; nothing passes in silence.
"""
