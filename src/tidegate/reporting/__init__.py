"""What any task's honest report is made of: figures, fonts, words in English and Chinese, the page, tables."""
