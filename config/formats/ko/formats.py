"""Dates in Korean where Django's would read 2:16 오후: with the hours of the day, as in our short form."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "Y년 n월 j일 H:i"
