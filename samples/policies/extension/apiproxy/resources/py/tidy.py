text = flow.getVariable('request.content')
if not text:
    raise ValueError, 'there are no words'

counts = words(text)
print '%d words' % len(counts)

names = counts.keys()
names.sort()
flow.setVariable('result', ' '.join(['%s=%d' % (name, counts[name]) for name in names]))
