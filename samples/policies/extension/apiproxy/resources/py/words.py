# Python 2, as Jython runs it

def words(text):
    found = {}
    for word in text.split():
        found[word.lower()] = found.get(word.lower(), 0) + 1
    return found
